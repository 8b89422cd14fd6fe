-- Move a delivery to the dead letters. ARGV: id, fence, reason, and the error if there was one.
-- Returns 0, or 1 if the lease is lost.
local id, reason, error = ARGV[1], ARGV[3], ARGV[4]
if not holds(id, ARGV[2]) then return 1 end
local _, attempt = delivery_of(id)
local message = redis.call('HGET', q .. ':messages', id)
local fields = { 'id', id, 'message', message, 'attempt', attempt or 0, 'reason', reason }
if error then
  fields[#fields + 1] = 'error'
  fields[#fields + 1] = error
end
local extras = redis.call('HGET', q .. ':extras', id)
if extras then
  fields[#fields + 1] = 'extras'
  fields[#fields + 1] = extras
end
redis.call('XADD', q .. ':dead', '*', unpack(fields))
forget({ id })
return 0
