-- Pause a queue, or have it go on. ARGV: 1 or 0.
if ARGV[1] == '1' then
  redis.call('SET', q .. ':paused', now)
else
  redis.call('DEL', q .. ':paused')
  wake_worker()
end
return 1
