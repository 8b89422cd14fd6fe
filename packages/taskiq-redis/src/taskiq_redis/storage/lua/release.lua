-- Queue a delivery again. ARGV: id, fence, seconds until it may be delivered again, 1 if its attempt is
-- not to be counted, and the number of failures of its task, '' for those of before. Returns 0, or 1 if the lease is lost.
local id, delay = ARGV[1], tonumber(ARGV[3])
if not holds(id, ARGV[2]) then return 1 end
local _, attempt, unsettled, failures = delivery_of(id)
failures = tonumber(ARGV[5]) or failures
if ARGV[4] == '1' then attempt = math.max(attempt - 1, 0) end
begin_writing()
if delay > 0 and redis.call('HEXISTS', q .. ':aborted', id) == 0 then
  redis.call('ZADD', q .. ':delayed', after(delay), id)
  local expires_at = extras_of(id).expires_at
  if expires_at then redis.call('ZADD', q .. ':expiring', expires_at, id) end
else
  enqueue(id, true)
end
set_delivery(id, 0, attempt, unsettled, failures)
redis.call('ZREM', q .. ':leases', id)
wake_worker()
return 0
