-- Have deliveries whose lease ran out wait in line again. ARGV: how many at most. Answers how many.
local late = redis.call('ZRANGEBYSCORE', q .. ':leases', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(late) do
  local _, attempt, unsettled = delivery_of(id)
  redis.call('ZREM', q .. ':leases', id) -- first what makes room: a server that is full lets it
  if attempt then set_delivery(id, 0, attempt, unsettled + 1) end
  if redis.call('HEXISTS', q .. ':messages', id) == 1 then enqueue(id, true) else forget({ id }) end
end
if #late > 0 then ring() end
return #late
