-- Move a delivery to the dead letters. ARGV: id, fence, reason, and the error if there was one.
-- Returns 0, or 1 if the lease is lost.
if not holds(ARGV[1], ARGV[2]) then return 1 end
to_dead(ARGV[1], ARGV[3], ARGV[4])
return 0
