-- Points in time are whole milliseconds since the epoch: small sorted sets compare integers fast.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function after(seconds)
  return now + math.ceil(seconds * 1000)
end

