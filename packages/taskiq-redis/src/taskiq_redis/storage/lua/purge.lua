-- Drop messages that wait or are delayed. ARGV: how many at most of each kind.
-- Returns the number of messages dropped, and whether there are more.
local ids = redis.call('LPOP', q .. ':ready', ARGV[1]) or {}
for _, member in ipairs(redis.call('ZRANGE', q .. ':priorities', 0, ARGV[1] - 1)) do
  redis.call('ZREM', q .. ':priorities', member)
  ids[#ids + 1] = string.sub(member, 17)
end
for _, id in ipairs(redis.call('ZRANGE', q .. ':delayed', 0, ARGV[1] - 1)) do
  redis.call('ZREM', q .. ':delayed', id)
  ids[#ids + 1] = id
end
local dropped = {}
for _, id in ipairs(ids) do
  if redis.call('HEXISTS', q .. ':messages', id) == 1 then dropped[#dropped + 1] = id end
end
forget(dropped)
local more = redis.call('EXISTS', q .. ':ready', q .. ':priorities', q .. ':delayed')
return { #dropped, more }
