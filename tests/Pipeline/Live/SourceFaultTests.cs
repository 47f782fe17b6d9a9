using System.Collections.Concurrent;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Tests.Live;

/// <summary>Faults of the program while it reads what somebody sends.</summary>
public sealed class SourceFaultTests
{
    [Fact]
    public void Run_WhatIsSentMeetsAFault_TheSourceIsWaitedForFurther()
    {
        using var folder = new TestFolder();
        using var server = new Runs.FileServer(folder.File(""));
        folder.Make("live.ts", "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 5 -pix_fmt yuv420p -bf 0");
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var news = new ConcurrentQueue<LiveEvent>();
        var receiver = new Receiver();
        var pool = new FramePool();
        // Whatever the reader does with a frame now is a fault of the program.
        pool.Dispose();
        var options = new VideoSourceOptions { Input = $"{server.Address}/live.ts", Width = 64, Height = 64, Pool = pool };

        using (var loop = new SourceLoop(options, new LiveClock(TimeProvider.System), receiver, news.Enqueue))
        {
            loop.Start();
            while (!news.Any(n => n.Text.Contains("cannot be read: ObjectDisposedException", StringComparison.Ordinal)))
                Assert.False(patience.Token.WaitHandle.WaitOne(10) || receiver.Fault is not null, $"{receiver.Fault}");
            Assert.Equal("waiting", loop.State);
        }

        Assert.Null(receiver.Fault);
    }

    private sealed class Receiver : ISourceReceiver
    {
        public volatile Exception? Fault;

        public void Opened()
        {
        }

        public void Frame(VideoFrame frame, TimeSpan taken) => frame.Dispose();

        public void Sound(SoundBlock block, TimeSpan taken)
        {
        }

        public void Ended(MediaException? error) => Fault = error;

        public void Failed(Exception error) => Fault = error;
    }
}
