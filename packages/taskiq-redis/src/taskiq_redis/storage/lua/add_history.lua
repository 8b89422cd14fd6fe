-- Keep what workers did. ARGV: deliveries at most, seconds for which they are kept, seconds for which
-- counters are kept, the number of deliveries, the record of each; then, of each counter, its minute
-- (milliseconds since the epoch), task and numbers as JSON.
local oldest, oldest_minute = now - ARGV[2] * 1000, now - ARGV[3] * 1000
local count = tonumber(ARGV[4])
for n = 1, count do
  redis.call('XADD', root .. ':history', 'MAXLEN', ARGV[1], '*', 'record', ARGV[4 + n])
end
local first = redis.call('XRANGE', root .. ':history', '-', string.format('%d', oldest), 'COUNT', 1000)
if #first > 0 then
  local ids = {}
  for n, entry in ipairs(first) do ids[n] = entry[1] end
  redis.call('XDEL', root .. ':history', unpack(ids))
end

-- Add numbers, and lists of numbers, of the same names.
local function add(to, from)
  for name, value in pairs(from) do
    if type(value) == 'table' then
      if type(to[name]) ~= 'table' then to[name] = {} end
      add(to[name], value)
    elseif is_finite(value) then
      to[name] = value + (is_finite(to[name]) and to[name] or 0)
    end
  end
  return to
end

for at = 5 + count, #ARGV, 3 do
  local minute = ARGV[at] .. ' ' .. ARGV[at + 1]
  local is_json, before = pcall(cjson.decode, redis.call('HGET', root .. ':counters', minute) or '{}')
  if not is_json or type(before) ~= 'table' then before = {} end
  local text = cjson.encode(add(before, cjson.decode(ARGV[at + 2])))
  redis.call('HSET', root .. ':counters', minute, text)
  redis.call('ZADD', root .. ':minutes', ARGV[at], minute)
end
local gone = redis.call('ZRANGEBYSCORE', root .. ':minutes', '-inf', oldest_minute, 'LIMIT', 0, 1000)
if #gone > 0 then
  redis.call('ZREM', root .. ':minutes', unpack(gone))
  redis.call('HDEL', root .. ':counters', unpack(gone))
end
return count
