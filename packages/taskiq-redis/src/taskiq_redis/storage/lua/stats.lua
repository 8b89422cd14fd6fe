-- Return the number of messages that wait, are delivered, delayed and dead, 1 if the queue is paused,
-- and for how many milliseconds the oldest message has waited ('' if that is unknown).
local delivered = redis.call('ZCARD', q .. ':leases')
local delayed = redis.call('ZCOUNT', q .. ':delayed', '(' .. now, '+inf')
local waiting = redis.call('HLEN', q .. ':messages') - delivered - delayed
local sent_at
if waiting > 0 then
  -- Between two notes of `send` lies a second: a waiting message is as old as the note before it.
  local at, found = 0, false
  repeat
    local notes = redis.call('LRANGE', q .. ':sent', at, at + 99)
    at = at + #notes
    for _, note in ipairs(notes) do
      local moment, id = string.match(note, '^(%d+) (.*)$')
      found = id and is_waiting(id)
      local is_first = found and redis.call('LRANGE', q .. ':ready', 0, 0)[1] == id
      if moment and (not found or is_first or not sent_at) then sent_at = tonumber(moment) end
      if found then break end
    end
  until found or #notes == 0 or at >= 1000
end
local age = sent_at and math.max(now - sent_at, 0) or ''
local paused = redis.call('EXISTS', q .. ':paused')
return { waiting, delivered, delayed, redis.call('XLEN', q .. ':dead'), paused, age }
