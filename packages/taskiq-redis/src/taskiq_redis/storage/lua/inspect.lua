-- Return a page of messages. ARGV: state, cursor ('' for the first page), how many at most, 1 if their
-- bodies are wanted, then 1 or 0 and a value for each filter: task name, task id, unique key.
-- Returns the cursor of the next page ('' at the end), 1 if the cursor was searched for in vain, and of
-- each message: its cursor, id, task name, size, attempt, due, end of the lease, owner, priority,
-- unique key, body. Looks at a thousand messages at most.
local state, cursor, limit, has_body = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local name_wanted = ARGV[5] == '1' and ARGV[6]
local id_wanted = ARGV[7] == '1' and ARGV[8]
local key_wanted = ARGV[9] == '1' and ARGV[10]
local MOST, LARGE, WINDOW = 1000, 16 * 1024 * 1024, 5000
local found, looked, bytes, last, seen = {}, 0, 0, '', {}

-- Look at a message that may have that state; returns whether the page is full.
local function visit(at, id, is_in_state, due, lease)
  looked, last = looked + 1, at
  local message = is_in_state and not seen[id] and redis.call('HGET', q .. ':messages', id)
  if message then
    seen[id] = true
    bytes = bytes + #message
    local name = string.match(message, '^([^\n]*)\n')
    local extras = extras_of(id)
    local is_wanted = (not name_wanted or name == name_wanted)
      and (not id_wanted or string.match(id, '^[^\n]*') == id_wanted)
      and (not key_wanted or extras.unique_key == key_wanted)
    if is_wanted then
      local body = name and string.sub(message, #name + 2) or message
      local current, attempt = delivery_of(id)
      local holder = redis.call('HGET', q .. ':owners', id) or ''
      local fence, owner = string.match(holder, '^(%d+) (.*)$')
      if not lease or tonumber(fence) ~= current then owner = '' end
      found[#found + 1] = { at, id, name or '?', #body, attempt or 0, due or '', lease or '',
        owner, tostring(extras.priority or 0), extras.unique_key or false, has_body and body or '' }
    end
  end
  return #found >= limit or looked >= MOST or bytes > LARGE
end

local function is_free(id)
  local current = delivery_of(id)
  return (current == 0 or current == nil) and not redis.call('ZSCORE', q .. ':delayed', id)
end

-- Visit the members of a sorted set with a score up to `high`, from `first` on, or after a cursor.
local function visit_set(key, prefix, first, high, after_cursor, visit_member)
  local start, score, member
  if after_cursor then
    score, member = string.match(after_cursor, '^(%S+) (.*)$')
    local rank = redis.call('ZRANK', key, member)
    if rank and redis.call('ZSCORE', key, member) == score then
      start = rank + 1
    else -- it is gone, and with it most that was before it
      start = redis.call('ZCOUNT', key, '-inf', '(' .. score)
    end
  else
    start = redis.call('ZCOUNT', key, '-inf', first)
  end
  while true do
    local page = redis.call('ZRANGE', key, start, start + 99, 'WITHSCORES')
    if #page == 0 then return false end
    start = start + #page / 2
    for n = 1, #page, 2 do
      if tonumber(page[n + 1]) > high then return false end
      local at = prefix .. page[n + 1] .. ' ' .. page[n]
      local is_before = page[n + 1] == score and page[n] <= member
      if not is_before and visit_member(at, page[n], page[n + 1]) then return true end
    end
  end
end

local function visit_priority(at, member)
  local id = string.sub(member, 17)
  return visit(at, id, is_free(id))
end

-- Visit the list of waiting messages. A cursor is the index of an id, which becomes lower while
-- messages before it are delivered: it is searched for there.
local function visit_ready(after_cursor)
  local index = 0
  if after_cursor then
    local number, id = string.match(after_cursor, '^(%d+) (.*)$')
    local low = math.max(number - WINDOW, 0)
    local ids = redis.call('LRANGE', q .. ':ready', low, number + WINDOW)
    local position
    for n, each in ipairs(ids) do
      if each == id then position = n end
    end
    if not position and low > 0 then
      return nil, string.format('r%d ', low) .. id
    end
    index = position and low + position or 0 -- a message that is gone had all others before it
  end
  while true do
    local ids = redis.call('LRANGE', q .. ':ready', index, index + 99)
    if #ids == 0 then return false end
    for n, id in ipairs(ids) do
      local at = string.format('r%d ', index + n - 1) .. id
      if visit(at, id, is_free(id)) then return true end
    end
    index = index + #ids
  end
end

-- The messages of a task, or of a unique key, are looked up.
local function visit_named()
  local ids = id_wanted and messages_of(id_wanted)
  if not ids then
    local holder = redis.call('HGET', q .. ':unique', key_wanted)
    ids = { holder or nil }
  end
  local is_after = cursor == ''
  for _, id in ipairs(ids) do
    local due = tonumber(redis.call('ZSCORE', q .. ':delayed', id) or nil)
    local current = delivery_of(id)
    local lease = current ~= 0 and redis.call('ZSCORE', q .. ':leases', id)
    local is_in = lease and 'delivered' or due and due > now and 'delayed' or 'waiting'
    if is_after and visit(id, id, is_in == state, due, lease or nil) then return true end
    is_after = is_after or id == cursor
  end
  return false
end

if state ~= 'delayed' then enqueue_due() end
local is_full = false
if id_wanted or key_wanted then
  is_full = visit_named()
elseif state == 'delayed' then
  is_full = visit_set(q .. ':delayed', '', now, math.huge, cursor ~= '' and cursor,
    function(at, id, score) return visit(at, id, true, score) end)
elseif state == 'delivered' then
  -- Leases are renewed, so their order changes; fences don't. There are only as many as slots.
  local after_fence, held, at = tonumber(cursor) or -1, {}, 0
  while true do
    local page = redis.call('ZRANGE', q .. ':leases', at, at + 999, 'WITHSCORES')
    if #page == 0 then break end
    at = at + #page / 2
    local ids = {}
    for n = 1, #page, 2 do ids[#ids + 1] = page[n] end
    local deliveries = redis.call('HMGET', q .. ':deliveries', unpack(ids))
    for n, id in ipairs(ids) do
      local fence = parse_delivery(deliveries[n]) or 0
      if fence > after_fence then held[#held + 1] = { fence, id, page[2 * n] } end
    end
  end
  table.sort(held, function(a, b) return a[1] < b[1] end)
  for _, each in ipairs(held) do
    is_full = visit(string.format('%d', each[1]), each[2], true, nil, each[3])
    if is_full then break end
  end
else
  local phase, rest = string.sub(cursor, 1, 1), string.sub(cursor, 2)
  local priorities = q .. ':priorities'
  if phase == '' or phase == 'h' then
    is_full = visit_set(priorities, 'h', '(-inf', -1e-300, phase == 'h' and rest, visit_priority)
  end
  if not is_full and phase ~= 'l' then
    local searched
    is_full, searched = visit_ready(phase == 'r' and rest)
    if searched then return { searched, 1 } end
  end
  if not is_full then
    is_full = visit_set(priorities, 'l', '(0', math.huge, phase == 'l' and rest, visit_priority)
  end
end
return { is_full and last or '', 0, unpack(found) }
