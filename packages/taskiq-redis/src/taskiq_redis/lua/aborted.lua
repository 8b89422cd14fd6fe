-- Answers the ids of all that run and are to be aborted.
local answer = {}
for _, id in ipairs(redis.call('HKEYS', q .. ':aborted')) do
  if delivery_of(id) ~= 0 then answer[#answer + 1] = string.match(id, '^[^\n]*') end
end
return answer
