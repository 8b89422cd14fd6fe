-- The beginning of each script of a schedule source.
local repeated, once, due, claims, done, last_ticks = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000

-- Notify schedulers of a change, on a channel if it is not empty. A user who may not publish there can
-- still change schedules: schedulers look at them from time to time as well.
local function tell(channel)
  if channel ~= '' then redis.pcall('PUBLISH', channel, '') end
end

