-- Have deliveries whose lease ran out wait in line again. ARGV: how many at most. Answers how many.
local late = redis.call('ZRANGEBYSCORE', q .. ':leases', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(late) do
  local _, attempt, unsettled = delivery_of(id)
  redis.call('ZREM', q .. ':leases', id) -- first what makes room: a server that is full lets it
  set_delivery(id, 0, attempt, unsettled + 1)
  enqueue(id, true)
end
if #late > 0 then ring() end
return #late
