-- Queue the delayed messages of a task. ARGV: its id. Returns their number.
local count = 0
for _, id in ipairs(messages_of(ARGV[1])) do
  if enqueue_delayed(id) then count = count + 1 end
end
if count > 0 then wake_worker() end
return count
