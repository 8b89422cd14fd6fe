-- Queue the delayed messages of a task. ARGV: its id. Returns their number.
local count = 0
for _, id in ipairs(messages_of(ARGV[1])) do
  if redis.call('ZREM', q .. ':delayed', id) == 1 then
    enqueue(id, true)
    count = count + 1
  end
end
if count > 0 then wake_worker() end
return count
