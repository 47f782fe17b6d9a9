using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>Ranks of this process: a thread for each, which owns its device.</summary>
public sealed class LocalRankThreads : IDisposable
{
    private readonly List<(RankWorker Worker, Thread Thread)> _ranks = [];

    /// <summary>Starts one rank per model.</summary>
    /// <param name="models">What each rank loads from and computes on; address local:0 for the first, and so on.</param>
    /// <param name="directory">Where they make themselves known.</param>
    /// <param name="connector">How they reach neighbours of other processes; null where there are none.</param>
    /// <param name="threads">Compute threads of each on the CPU; null for libtorch's own number.</param>
    /// <param name="log">One line for what happens.</param>
    /// <param name="cores">Core that each rank is pinned to; null for none.</param>
    public LocalRankThreads(
        IReadOnlyList<RankModel> models, LocalRanks directory, RankConnector? connector = null, int? threads = null,
        Action<string>? log = null, IReadOnlyList<int>? cores = null)
    {
        for (var i = 0; i < models.Count; i++)
        {
            var (rank, name) = (i, Address(i));
            var inbox = new LinkInbox();
            directory.Add(name, inbox);
            var worker = new RankWorker(models[i], inbox, (IRankConnector?)connector?.From(models[i].Device) ?? directory, name)
            {
                Log = log,
            };
            var thread = new Thread(() => Work(worker, threads, cores?[rank])) { Name = $"streamdiff rank {i}", IsBackground = true };
            _ranks.Add((worker, thread));
            thread.Start();
        }
    }

    public IReadOnlyList<RankWorker> Workers => [.. _ranks.Select(r => r.Worker)];

    /// <summary>What addresses of ranks of this process begin with.</summary>
    public const string Prefix = "local:";

    public static string Address(int rank) => $"{Prefix}{rank}";

    public void Dispose()
    {
        foreach (var (worker, _) in _ranks)
            worker.Dispose();
        foreach (var (_, thread) in _ranks)
            thread.Join();
    }

    private static void Work(RankWorker worker, int? threads, int? core)
    {
        if (core is { } number)
            CoreAffinity.PinThisThread(number);
        worker.Run(threads);
    }
}
