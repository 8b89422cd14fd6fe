-- Renew leases. ARGV: seconds, then id and fence of each.
-- Returns of each 0, 1 if the lease is lost, or 2 if the abort of its task was asked for.
begin_writing()
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
