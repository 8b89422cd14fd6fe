-- Lease messages of the default queue: `fetch` for the usual case, which has no functions to make and
-- runs half of its commands. KEYS[1] is the beginning of all keys. ARGV: how many messages at most,
-- seconds of the lease, and the worker or ''.
-- Returns what `fetch` returns; 0, and has leased nothing, if a message has labels, is large, was
-- delivered before or can't be read, or the queue is paused.
local root, owner = KEYS[1], ARGV[3]
local rare = redis.call('EXISTS', root .. ':paused', root .. ':delayed', root .. ':expiring',
  root .. ':extras', root .. ':priorities', root .. ':aborted')
if rare > 0 then return 0 end
local ready, limit = root .. ':ready', tonumber(ARGV[1])
local ids = redis.call('LRANGE', ready, 0, limit - 1)
local count = #ids
if count == 0 then return { '', {} } end

local before = redis.call('HMGET', root .. ':deliveries', unpack(ids))
local messages, seen, bytes = {}, {}, 0
while #messages < count do
  -- A reply of many megabytes holds up all other clients: the first ones show how large they are.
  local last = math.min(#messages == 0 and 10 or count, count)
  local found = redis.call('HMGET', root .. ':messages', unpack(ids, #messages + 1, last))
  for _, message in ipairs(found) do
    local n = #messages + 1
    if not message or before[n] or seen[ids[n]] then return 0 end
    seen[ids[n]] = true
    messages[n] = message
    bytes = bytes + #message
  end
  if bytes > math.min(65536 * last, 16 * 1024 * 1024) then return 0 end
end

local fence = redis.pcall('INCRBY', root .. ':fence', count)
if type(fence) ~= 'number' or fence < count or fence >= 2 ^ 52 then return 0 end
fence = fence - count
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease_until = string.format('%d', now + math.ceil(ARGV[2] * 1000))
local leases, deliveries, owners, leased = {}, {}, {}, {}
for n, id in ipairs(ids) do
  local text = string.format('%d', fence + n)
  leases[2 * n - 1] = lease_until
  leases[2 * n] = id
  deliveries[2 * n - 1] = id
  deliveries[2 * n] = text .. ' 1 0'
  owners[2 * n - 1] = id
  owners[2 * n] = text .. ' ' .. owner
  leased[n] = { id, messages[n], fence + n, 1, 0, 0, 0 }
end
-- In this order: a message that is in two places is found, one that is in none is lost.
redis.call('ZADD', root .. ':leases', unpack(leases))
redis.call('HSET', root .. ':deliveries', unpack(deliveries))
if owner ~= '' then redis.call('HSET', root .. ':owners', unpack(owners)) end
redis.call('LTRIM', ready, count, -1)
if count == limit and redis.call('EXISTS', ready) == 1 and redis.call('LLEN', root .. ':bell') == 0 then
  redis.call('RPUSH', root .. ':bell', '1') -- this worker is full; another may have free slots
end
return { '', leased }
