"""The queues: messages are stored, fetched, settled, aborted, listed; see `storage.schema`.

A message is a row of `messages`. Its `state` says where it is:

```
         kick              fetch                     acknowledge
  ------> 0 waits ----------> 2 is with a worker ----------> (deleted)
  ------> 1 is delayed          | release, give_back, reclaim     | bury
            |  ^                v                                 v
            |  +----------- 0 or 1                           dead_letters
            +--> 0, when it is due
```

Points in time are of the server's clock. A lease is the row's id with its `fence`, which grows with
each delivery of the message.
"""
