-- Store results, each unless that of a later delivery is stored, and tell who waits; a small one is
-- told, too, so that nobody has to ask for it.
-- KEYS: one for each. ARGV: milliseconds to keep them (0 for ever), then fence and result of each.
-- A stored result begins with its fence and a line feed.
for n, key in ipairs(KEYS) do
  local fence, result = ARGV[2 * n], ARGV[2 * n + 1]
  local before = string.match(redis.call('GETRANGE', key, 0, 20), '^(%d+)\n')
  if not before or tonumber(before) <= tonumber(fence) then
    local stored = fence .. '\n' .. result
    if ARGV[1] == '0' then
      redis.call('SET', key, stored)
    else
      redis.call('SET', key, stored, 'PX', ARGV[1])
    end
    redis.call('PUBLISH', key, #stored <= 16384 and stored or '')
  end
end
