// Most of a test here is waiting for processes of its own.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
