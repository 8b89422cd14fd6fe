-- Queue dead letters again, as new messages. ARGV: ids of the letters. Returns the number of letters,
-- and the ids of letters that stay because they can't be read.
local count, unreadable = 0, {}
for _, letter_id in ipairs(ARGV) do
  local found = redis.call('XRANGE', q .. ':dead', letter_id, letter_id)
  if found[1] then
    local letter = {}
    for n = 1, #found[1][2], 2 do letter[found[1][2][n]] = found[1][2][n + 1] end
    local extras = parse_extras(letter.extras)
    if extras and letter.id and letter.message and task_name(letter.id, letter.message) then
      extras.unique_key = nil -- another message may have it now
      store_with_extras(string.match(letter.id, '^[^\n]*'), letter.message, 0, extras)
      redis.call('XDEL', q .. ':dead', letter_id)
      count = count + 1
    else
      unreadable[#unreadable + 1] = letter_id
    end
  end
end
if count > 0 then wake_worker() end
return { count, unreadable }
