-- Renew leases. ARGV: seconds, then id and fence of each. Answers 1 for each that is another's.
redis.call('DEL', q .. ':nothing') -- a server that is full lets scripts go on that begin so
local answer = {}
for at = 2, #ARGV, 2 do
  local lost = not holds(ARGV[at], ARGV[at + 1])
  if not lost then redis.call('ZADD', q .. ':leases', after(ARGV[1]), ARGV[at]) end
  answer[#answer + 1] = lost and 1 or 0
end
return answer
