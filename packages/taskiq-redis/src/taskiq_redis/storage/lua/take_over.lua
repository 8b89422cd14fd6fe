-- Store messages that taskiq-redis 1.x left, and take them out of its list or stream.
-- KEYS[2]: as KEYS[1]; KEYS[3]: the list or the stream. ARGV: the consumer group of a stream, '' for a
-- list; then of each message: its bytes in the list or its id in the stream, id of the task, record.
-- Returns the number of messages stored. Of a list the oldest message is the last item.
local from, group = KEYS[3], ARGV[1]
local function is_there(entry)
  if group == '' then return redis.call('LINDEX', from, -1) == entry end
  return #redis.call('XPENDING', from, group, entry, entry, 1) == 1
end

local count = 0
for at = 2, #ARGV, 3 do
  if not is_there(ARGV[at]) then
    if group == '' then break end -- another worker is ahead
  else
    -- Stored first: a server without memory fails here, while the list still has it.
    redis.call('RPUSH', q .. ':ready', store(ARGV[at + 1], ARGV[at + 2]))
    if group == '' then
      redis.call('RPOP', from)
    else
      redis.call('XACK', from, group, ARGV[at])
    end
    count = count + 1
  end
end
if count > 0 then wake_worker() end
return count
