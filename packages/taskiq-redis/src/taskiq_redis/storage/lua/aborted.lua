-- Return the ids of running tasks whose abort was asked for.
local answer = {}
for_each_queue(function()
  for _, id in ipairs(redis.call('HKEYS', q .. ':aborted')) do
    if delivery_of(id) ~= 0 then answer[#answer + 1] = string.match(id, '^[^\n]*') end
  end
end)
return answer
