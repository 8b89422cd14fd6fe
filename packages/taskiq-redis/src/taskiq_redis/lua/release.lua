-- Give a delivery back. ARGV: id, fence, seconds until it may be delivered again, and whether the
-- worker never began it, so that it was no delivery. Answers 1 if it is another's by now.
local id, delay = ARGV[1], tonumber(ARGV[3])
if not holds(id, ARGV[2]) then return 1 end
local _, attempt, unsettled = delivery_of(id)
if ARGV[4] == '1' then attempt = attempt - 1 end
redis.call('ZREM', q .. ':leases', id) -- first what makes room: a server that is full lets it
set_delivery(id, 0, attempt, unsettled)
if delay > 0 and redis.call('HEXISTS', q .. ':aborted', id) == 0 then
  redis.call('ZADD', q .. ':delayed', after(delay), id)
  local expires_at = extras_of(id).expires_at
  if expires_at then redis.call('ZADD', q .. ':expiring', expires_at, id) end
else
  enqueue(id, true)
end
ring()
return 0
