-- Forget messages that were run. ARGV: id and fence of each.
-- Returns of each 0, or 1 if the lease is lost.
local ids, answer = {}, {}
for n = 1, #ARGV / 2 do ids[n] = ARGV[2 * n - 1] end
local deliveries = redis.call('HMGET', q .. ':deliveries', unpack(ids))
local done = {}
for n, id in ipairs(ids) do
  local current = deliveries[n] and string.match(deliveries[n], '^%d+')
  if current == ARGV[2 * n] then
    done[#done + 1] = id
    answer[n] = 0
  else
    answer[n] = 1
  end
end
forget(done)
return answer
