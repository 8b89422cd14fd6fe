-- The beginning of each script of a schedule source.
local repeated, once, due, claims, done, last_ticks = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
