-- Move a delivery to the dead letters. ARGV: id, fence, reason, and the error if there was one.
-- Answers 1 if it is another's by now.
if not holds(ARGV[1], ARGV[2]) then return 1 end
to_dead(ARGV[1], ARGV[3], ARGV[4])
return 0
