-- Whether bytes are UTF-8.
local function is_text(bytes)
  local sequences = {
    '\240[\144-\191][\128-\191][\128-\191]',
    '[\241-\243][\128-\191][\128-\191][\128-\191]',
    '\244[\128-\143][\128-\191][\128-\191]',
    '\224[\160-\191][\128-\191]',
    '[\225-\236\238\239][\128-\191][\128-\191]',
    '\237[\128-\159][\128-\191]',
    '[\194-\223][\128-\191]',
  }
  for _, sequence in ipairs(sequences) do
    if not string.find(bytes, '[\128-\255]') then return true end
    bytes = string.gsub(bytes, sequence, '.')
  end
  return not string.find(bytes, '[\128-\255]')
end

-- The name of a message's task; nil if its record can't be read.
local function task_name(id, message)
  local name = string.match(message, '^([^\n]*)\n')
  return name and is_text(name) and is_text(id) and name or nil
end

