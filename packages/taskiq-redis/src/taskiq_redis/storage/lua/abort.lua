-- Mark the messages of a task as aborted. ARGV: the task's id.
-- Returns 0 for an unknown task, 1 for one that waits, 2 for one that runs.
local state = 0
for_each_queue(function()
  local found = messages_of(ARGV[1])
  for _, id in ipairs(found) do
    redis.call('HSET', q .. ':aborted', id, '1')
    if delivery_of(id) ~= 0 then
      state = 2
    else
      state = math.max(state, 1)
      enqueue_delayed(id)
    end
  end
  if #found > 0 then wake_worker() end
end)
if state == 2 then redis.call('PUBLISH', root .. ':aborts', ARGV[1]) end
return state
