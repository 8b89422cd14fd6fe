-- Queue dead letters again, as new messages. ARGV: ids of the letters. Answers how many there were.
local count = 0
for _, letter_id in ipairs(ARGV) do
  local found = redis.call('XRANGE', q .. ':dead', letter_id, letter_id)
  if found[1] then
    local letter = {}
    for n = 1, #found[1][2], 2 do letter[found[1][2][n]] = found[1][2][n + 1] end
    local extras = letter.extras and cjson.decode(letter.extras) or {}
    extras.unique_key = nil -- another message may have it by now
    store_with_extras(string.match(letter.id, '^[^\n]*'), letter.message, 0, extras)
    redis.call('XDEL', q .. ':dead', letter_id)
    count = count + 1
  end
end
if count > 0 then ring() end
return count
