-- Store results, each unless that of a later delivery is stored, and publish that they are there;
-- a small result is published itself, so that waiting callers need not read it.
-- KEYS: one for each. ARGV: milliseconds to keep them (0 for ever), then fence ('' without a delivery)
-- and result of each. A stored result begins with its fence and a line feed.
for n, key in ipairs(KEYS) do
  local fence, result = tonumber(ARGV[2 * n]), ARGV[2 * n + 1]
  -- The key may hold anything: a value that is not a result is replaced.
  local stored_before = redis.pcall('GETRANGE', key, 0, 20)
  local before = type(stored_before) == 'string' and string.match(stored_before, '^(%d+)\n')
  before = tonumber(before)
  if not fence or not before or before <= fence or before >= 2 ^ 52 then
    local stored = string.format('%d\n', fence or 0) .. result
    if ARGV[1] == '0' then
      redis.call('SET', key, stored)
    else
      redis.call('SET', key, stored, 'PX', ARGV[1])
    end
    -- The results after this one are stored also if the user may not publish.
    redis.pcall('PUBLISH', key, #stored <= 16384 and stored or '')
  end
end
