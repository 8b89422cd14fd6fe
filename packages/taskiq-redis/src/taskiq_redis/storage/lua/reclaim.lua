-- Queue deliveries again whose lease ran out, or all of one worker. ARGV: how many to look at, then
-- the worker, and where to begin. Returns the number of messages, and where to go on ('' at the end).
local limit, owner = tonumber(ARGV[1]), ARGV[2]
local lost, after_score, offset = {}, ARGV[3], tonumber(ARGV[4] or 0)
local next_score, next_offset = '', 0
if not owner then
  lost = redis.call('ZRANGEBYSCORE', q .. ':leases', '-inf', now, 'LIMIT', 0, limit)
  if #lost == limit then next_score = '-inf' end
else
  -- The leases of a dead worker keep their scores, those of others only become higher.
  local range = { q .. ':leases', after_score, '+inf', 'WITHSCORES', 'LIMIT', offset, limit }
  local found = redis.call('ZRANGEBYSCORE', unpack(range))
  for n = 1, #found, 2 do
    local id, score = found[n], found[n + 1]
    if score ~= next_score then next_offset = score == after_score and offset or 0 end
    next_score = score
    local holder = redis.call('HGET', q .. ':owners', id)
    local fence = holder and string.match(holder, '^%d+')
    if fence and holds(id, fence) and string.sub(holder, #fence + 2) == owner then
      lost[#lost + 1] = id
    else
      next_offset = next_offset + 1
    end
  end
  if #found < 2 * limit then next_score = '' end
end
if #lost > 0 then begin_writing() end
for _, id in ipairs(lost) do
  if redis.call('HEXISTS', q .. ':messages', id) == 1 then
    local fence, attempt, unsettled, failures = delivery_of(id)
    enqueue(id, true)
    -- One without a fence was given back already, by a script that failed half-way.
    if attempt and fence ~= 0 then set_delivery(id, 0, attempt, unsettled + 1, failures) end
    redis.call('ZREM', q .. ':leases', id)
  else
    forget({ id })
  end
end
if #lost > 0 then wake_worker() end
return { #lost, next_score, next_offset }
