-- Queue deliveries again whose lease ran out. ARGV: how many at most. Returns their number.
local lost = redis.call('ZRANGEBYSCORE', q .. ':leases', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(lost) do
  local _, attempt, unsettled = delivery_of(id)
  redis.call('ZREM', q .. ':leases', id) -- first, as it frees memory: a full server allows that
  if attempt then set_delivery(id, 0, attempt, unsettled + 1) end
  if redis.call('HEXISTS', q .. ':messages', id) == 1 then enqueue(id, true) else forget({ id }) end
end
if #lost > 0 then wake_worker() end
return #lost
