namespace StreamDiff.Models.Cuda;

/// <summary>
/// What was recorded: one graph, or several with what is done between them. Graphs of one memory never run at the same time.
/// </summary>
internal sealed class CudaRecording : IRecording
{
    private readonly CudaContext _context;
    private readonly nint _stream;
    private readonly GraphMemory _memory;
    private readonly List<(CudaGraph? Graph, Action? Work)> _pieces = [];
    private CudaGraph? _open;

    /// <param name="context">Of the device.</param>
    /// <param name="stream">Where to record; not the device's own.</param>
    /// <param name="memory">Shared with other recordings.</param>
    public CudaRecording(CudaContext context, nint stream, GraphMemory memory) =>
        (_context, _stream, _memory) = (context, stream, memory);

    public long Bytes => _pieces.Sum(p => p.Graph?.Bytes ?? 0);

    /// <summary>Records; nothing runs. Once.</summary>
    /// <exception cref="CudaException">It cannot be recorded.</exception>
    public void Record(Action issue)
    {
        var outer = CudaStreams.Current(_context.Index);
        CudaStreams.MakeCurrent(_stream, _context.Index);
        try
        {
            Exception? failure = null;
            _open = _memory.Begin(_context, _stream);
            try
            {
                issue();
            }
            catch (Exception e)
            {
                failure = e;
            }
            try
            {
                End();
            }
            catch (CudaException e)
            {
                failure ??= e;
            }
            if (failure is null)
                return;
            Dispose();
            throw new CudaException($"the tick cannot be recorded as a graph: {failure.Message}");
        }
        finally
        {
            CudaStreams.MakeCurrent(outer, _context.Index);
        }
    }

    /// <summary>While it is recorded: what is done here, anew each time, between what came before and what comes then.</summary>
    /// <exception cref="CudaException">What came before cannot be recorded.</exception>
    public void Apart(Action work)
    {
        End();
        _pieces.Add((null, work));
        _open = _memory.Begin(_context, _stream);
    }

    public void Replay()
    {
        foreach (var (graph, work) in _pieces)
        {
            graph?.Replay();
            work?.Invoke();
        }
    }

    public void Dispose()
    {
        foreach (var (graph, _) in _pieces)
            if (graph is not null)
                _memory.Give(graph);
        _pieces.Clear();
    }

    private void End()
    {
        if (_open is not { } graph)
            return;
        _open = null;
        graph.End();
        _memory.Take(graph);
        _pieces.Add((graph, null));
    }
}

/// <summary>Memory of graphs that never run at the same time. It lives as long as one of them does; after that its name means
/// nothing.</summary>
internal sealed class GraphMemory
{
    private CudaGraph.PoolId _name;
    private int _graphs;

    /// <summary>Begins to record a graph with this memory, see <see cref="CudaGraph.Begin"/>.</summary>
    public CudaGraph Begin(CudaContext context, nint stream) => CudaGraph.Begin(context, stream, _graphs == 0 ? default : _name);

    /// <summary>A graph has been recorded.</summary>
    public void Take(CudaGraph graph)
    {
        _graphs++;
        _name = graph.Memory;
    }

    /// <summary>Frees a graph that was taken.</summary>
    public void Give(CudaGraph graph)
    {
        graph.Dispose();
        _graphs--;
    }
}
