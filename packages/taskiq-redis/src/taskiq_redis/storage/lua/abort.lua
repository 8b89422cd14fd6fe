-- Mark the messages of a task as aborted. ARGV: the task's id.
-- Returns 0 for an unknown task, 1 for one that waits, 2 for one that runs.
local found = {}
if redis.call('HEXISTS', q .. ':messages', ARGV[1]) == 1 then found[1] = ARGV[1] end
for _, copy in ipairs(redis.call('SMEMBERS', q .. ':copies')) do
  if string.sub(copy, 1, #ARGV[1] + 1) == ARGV[1] .. '\n' then found[#found + 1] = copy end
end
local state = 0
for _, id in ipairs(found) do
  redis.call('HSET', q .. ':aborted', id, '1')
  if delivery_of(id) ~= 0 then
    state = 2
  else
    state = math.max(state, 1)
    if redis.call('ZREM', q .. ':delayed', id) == 1 then enqueue(id, true) end
  end
end
if state == 2 then redis.call('PUBLISH', q .. ':aborts', ARGV[1]) end
if state > 0 then wake_worker() end
return state
