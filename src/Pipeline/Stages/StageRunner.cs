using System.Threading.Channels;
using StreamDiff.Models;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Stages;

/// <summary>
/// Runs the stages of one pipeline, each on a thread of its own, joined by bounded channels. What is written to a channel belongs to its reader. The first fault
/// stops all stages; what then lies in the channels is disposed.
/// </summary>
internal sealed class StageRunner : IDisposable
{
    private readonly CancellationTokenSource _abort = new();
    private readonly List<Thread> _threads = [];
    private readonly List<StageMeter> _meters = [];
    private readonly List<Action> _drains = [];
    private Exception? _fault;

    /// <summary>Busy times in pipeline order.</summary>
    public IReadOnlyList<StageTime> Times => [.. _meters.Select(m => m.Now)];

    /// <summary>Cancelled when a stage failed.</summary>
    public CancellationToken Aborted => _abort.Token;

    /// <summary>A channel between two stages: full, it makes the writer wait.</summary>
    public Channel<T> Join<T>(int capacity)
        where T : IDisposable
    {
        var channel = Channel.CreateBounded<T>(new BoundedChannelOptions(capacity) { SingleReader = false, SingleWriter = true });
        _drains.Add(() => Drain(channel.Reader));
        return channel;
    }

    /// <summary>A stage that begins the pipeline: called until it returns false.</summary>
    public void Source<TOut>(string name, Channel<TOut> output, Func<StageMeter, Action<TOut>, bool> step)
        where TOut : class, IDisposable =>
        Start(name, meter =>
        {
            try
            {
                while (step(meter, item => Put(output.Writer, item)))
                {
                }
            }
            finally
            {
                output.Writer.TryComplete();
            }
        });

    /// <summary>
    /// A stage in the middle: each item gives a result or none, after that <paramref name="more"/> gives what else is done, and when the input has ended <paramref name="finish"/>
    /// gives the rest, one by one.
    /// </summary>
    public void Transform<TIn, TOut>(string name, Channel<TIn> input, Channel<TOut> output, Func<TIn, TOut?> work, Func<TOut?>? finish = null, Func<TOut?>? more = null)
        where TIn : class, IDisposable
        where TOut : class, IDisposable =>
        Start(name, meter =>
        {
            try
            {
                while (TryTake(input.Reader, out var item))
                {
                    using (item)
                        Put(output.Writer, meter.Measure(() => work(item)));
                    while (more?.Invoke() is { } another)
                        Put(output.Writer, another);
                }
                while (finish is not null && meter.Measure(finish) is { } rest)
                    Put(output.Writer, rest);
            }
            finally
            {
                output.Writer.TryComplete();
            }
        });

    /// <summary>The stage that ends the pipeline.</summary>
    public void Sink<TIn>(string name, Channel<TIn> input, Action<TIn> work, Action finish)
        where TIn : class, IDisposable =>
        Start(name, meter =>
        {
            while (TryTake(input.Reader, out var item))
            {
                using (item)
                    meter.Measure(() => Done(() => work(item)));
            }
            meter.Measure(() => Done(finish));
        });

    /// <summary>Waits for all stages.</summary>
    /// <exception cref="MediaException">Reading or writing failed.</exception>
    /// <exception cref="ModelException">A model failed in a way that is the user's to mend.</exception>
    /// <exception cref="PipelineException">A fault inside a stage.</exception>
    public void Wait()
    {
        JoinAll();
        if (_fault is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_fault);
    }

    public void Dispose()
    {
        _abort.Cancel();
        JoinAll();
        _abort.Dispose();
    }

    // Only when no stage writes any more is it certain that nothing is left behind.
    private void JoinAll()
    {
        foreach (var thread in _threads)
            thread.Join();
        foreach (var drain in _drains)
            drain();
    }

    private void Start(string name, Action<StageMeter> body)
    {
        var meter = new StageMeter(name);
        _meters.Add(meter);
        var thread = new Thread(() => Guard(meter, body)) { Name = $"streamdiff {name}", IsBackground = true };
        _threads.Add(thread);
        thread.Start();
    }

    private void Guard(StageMeter meter, Action<StageMeter> body)
    {
        try
        {
            // Thread-local: every stage that touches tensors needs its own.
            using var inference = inference_mode();
            body(meter);
        }
        catch (OperationCanceledException) when (_abort.IsCancellationRequested)
        {
            // Another stage has failed and says why.
        }
        catch (Exception e)
        {
            var fault = e is MediaException or ModelException ? e : new PipelineException(meter.Name, meter.Now.Chunks, e);
            if (Interlocked.CompareExchange(ref _fault, fault, null) is null)
                _abort.Cancel();
        }
    }

    private void Put<T>(ChannelWriter<T> writer, T? item)
        where T : class, IDisposable
    {
        if (item is null || writer.TryWrite(item))
            return;
        try
        {
            writer.WriteAsync(item, _abort.Token).AsTask().GetAwaiter().GetResult();
        }
        catch
        {
            item.Dispose();
            throw;
        }
    }

    private bool TryTake<T>(ChannelReader<T> reader, out T item)
    {
        while (!reader.TryRead(out item!))
            if (!reader.WaitToReadAsync(_abort.Token).AsTask().GetAwaiter().GetResult())
                return false;
        return true;
    }

    private static void Drain<T>(ChannelReader<T> reader)
        where T : IDisposable
    {
        while (reader.TryRead(out var item))
            item.Dispose();
    }

    private static bool Done(Action action)
    {
        action();
        return true;
    }
}
