-- Renew leases. ARGV: seconds, then id and fence of each. Answers of each: 1 if it is another's, 2 if
-- it is to be aborted, else 0.
redis.call('DEL', q .. ':nothing') -- a server that is full lets scripts go on that begin so
local answer = {}
local has_aborted = redis.call('EXISTS', q .. ':aborted') == 1
for at = 2, #ARGV, 2 do
  local id, state = ARGV[at], 0
  if not holds(id, ARGV[at + 1]) then
    state = 1
  else
    redis.call('ZADD', q .. ':leases', after(ARGV[1]), id)
    if has_aborted and redis.call('HEXISTS', q .. ':aborted', id) == 1 then state = 2 end
  end
  answer[#answer + 1] = state
end
return answer
