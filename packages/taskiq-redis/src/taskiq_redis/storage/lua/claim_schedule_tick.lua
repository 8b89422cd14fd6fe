-- Claim a tick of a schedule that is on this server; `claim_tick` is for all others. ARGV: schedule
-- id, tick in microseconds since the epoch, seconds of the claim, seconds for which done ticks are
-- known. Returns 1 to the one scheduler that has it.
local tick = tonumber(ARGV[2]) / 1000000
local member = ARGV[1] .. '\n' .. ARGV[2]
if redis.call('ZSCORE', done, member) then return 0 end
local claimed = redis.call('ZSCORE', claims, member)
if claimed and tonumber(claimed) > now then return 0 end
local last = tonumber(redis.call('HGET', last_ticks, ARGV[1]))
local is_old = tick < now - tonumber(ARGV[4])
if not claimed and is_old and last and tonumber(ARGV[2]) <= last then return 0 end
redis.call('ZADD', claims, now + ARGV[3], member)
return 1
