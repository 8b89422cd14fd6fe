-- Ticks of schedules that are not in this store, such as the labels of tasks: claims and confirmed
-- ticks are members `schedule id, line feed, tick in microseconds since the epoch`.
local claims, done = q .. ':tick_claims', q .. ':tick_done'
local last_ticks, last_confirmed = q .. ':tick_last', q .. ':tick_last_times'
local PRUNED = 500 -- old records of a kind that one script removes

-- Return the first members of a sorted set that are older than some seconds.
local function older(key, seconds)
  return redis.call('ZRANGEBYSCORE', key, '-inf', '(' .. after(-seconds), 'LIMIT', 0, PRUNED)
end

-- The last tick of a schedule; nil if there is none, or it can't be read: it is not between the years
-- 1 and 9999.
local function last_tick(id)
  local last = tonumber(redis.call('HGET', last_ticks, id) or '')
  local is_sound = last and last >= -62135596800000000 and last < 253402300800000000
  return is_sound and last or nil
end
