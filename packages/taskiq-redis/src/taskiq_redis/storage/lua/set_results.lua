-- Store results, each unless that of a later delivery is stored, and publish that they are there;
-- a small result is published itself, so that waiting callers need not read it.
-- KEYS: one for each. ARGV: milliseconds to keep them (0 for ever), then each result. A result begins
-- with its fence and a line feed; 0 is the fence of a result without a delivery, which replaces others.
local function set(key, result, ...)
  if ARGV[1] == '0' then return redis.call('SET', key, result, ...) end
  return redis.call('SET', key, result, 'PX', ARGV[1], ...)
end

-- The key may hold anything: a value that is not a result is replaced.
local function is_later(key, result)
  local stored = redis.pcall('GETRANGE', key, 0, 20)
  local before = tonumber(type(stored) == 'string' and string.match(stored, '^(%d+)\n') or nil)
  local fence = tonumber(string.match(result, '^%d+'))
  return before and fence ~= 0 and before > fence and before < 2 ^ 52
end

for n, key in ipairs(KEYS) do
  local result = ARGV[n + 1]
  local is_stored = set(key, result, 'NX')
  if not is_stored and not is_later(key, result) then is_stored = set(key, result) end
  -- The results after this one are stored also if the user may not publish.
  if is_stored then redis.pcall('PUBLISH', key, #result <= 16384 and result or '') end
end
