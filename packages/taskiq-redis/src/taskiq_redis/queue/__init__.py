"""The queue in Redis: what is sent, fetched, settled, aborted and shown to operators.

All keys begin with the name of the queue in braces, and so share a cluster slot:

```
{taskiq}:messages    hash    message id -> task name, line feed, bytes
{taskiq}:ready       list    ids of waiting messages, the next one first
{taskiq}:priorities  zset    ids of waiting messages with a priority; the score is its negative
{taskiq}:delayed     zset    ids of delayed messages; the score is when they are due
{taskiq}:leases      zset    ids of delivered messages; the score is when the lease runs out
{taskiq}:deliveries  hash    message id -> fence (0 if no worker has it), number of deliveries,
                             number of those that ended without being settled, and, if the task has
                             failed, how often
{taskiq}:extras      hash    message id -> priority, expires_after, unique_key as JSON
{taskiq}:expiring    zset    ids with the label `expires`; the score is when it is over
{taskiq}:unique      hash    unique key -> message id
{taskiq}:aborted     hash    ids of messages whose abort was asked for
{taskiq}:copies      set     ids of second messages of a task: its id, line feed, a number
{taskiq}:dead        stream  dead letters: id, message, attempt, reason, error, extras
{taskiq}:bell        list    one item while a waiting worker is to fetch
{taskiq}:fence, :number      counters
{taskiq}:aborts      channel ids of running tasks whose abort was asked for
```

A message id is the task's id, or that, a line feed and a number for a second message of the task.
Points in time are milliseconds since the epoch, by the server's clock.
"""
