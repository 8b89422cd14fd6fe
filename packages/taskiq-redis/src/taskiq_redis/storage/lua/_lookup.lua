-- Call a function for each queue of the broker; `q` is its beginning of keys meanwhile.
local function for_each_queue(action)
  local called = q
  q = root
  action()
  for _, name in ipairs(redis.call('SMEMBERS', root .. ':queues')) do
    q = root .. ':queue:' .. name
    action()
  end
  q = called
end

-- Whether a message is in the queue, and could be delivered now.
local function is_waiting(id)
  if redis.call('HEXISTS', q .. ':messages', id) == 0 then return false end
  local current = delivery_of(id)
  return (current == 0 or current == nil) and not redis.call('ZSCORE', q .. ':delayed', id)
end

-- Queue delayed messages that are due.
local function enqueue_due()
  local due = redis.call('ZRANGEBYSCORE', q .. ':delayed', '-inf', now, 'LIMIT', 0, 1000)
  if #due > 0 then begin_writing() end
  for _, id in ipairs(due) do
    enqueue(id, false)
    redis.call('ZREM', q .. ':delayed', id)
  end
end

-- Queue a message if it is delayed, before all others; whether it was.
local function enqueue_delayed(id)
  if not redis.call('ZSCORE', q .. ':delayed', id) then return false end
  begin_writing()
  enqueue(id, true)
  redis.call('ZREM', q .. ':delayed', id)
  return true
end

-- The ids of a task's messages.
local function messages_of(task_id)
  local found = {}
  if redis.call('HEXISTS', q .. ':messages', task_id) == 1 then found[1] = task_id end
  for _, copy in ipairs(redis.call('SMEMBERS', q .. ':copies')) do
    if string.sub(copy, 1, #task_id + 1) == task_id .. '\n' then found[#found + 1] = copy end
  end
  return found
end

