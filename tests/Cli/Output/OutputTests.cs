using System.Runtime.InteropServices;
using StreamDiff.Cli.Output;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;

namespace StreamDiff.Cli.Tests.Output;

public sealed class OutputTests
{
    [Fact]
    public void Describe_OurExceptions_AreTheirMessage()
    {
        Assert.Equal("weights are gone", Failure.Describe(new ModelException("weights are gone")));
        Assert.Equal("no video", Failure.Describe(new AggregateException(new MediaException("no video"))));
    }

    [Fact]
    public void Describe_DeviceOutOfMemory_SaysWhatToDo() =>
        Assert.Equal(
            "the device is out of memory: use a smaller --size, --dtype bfloat16 or a smaller model (CUDA out of memory.)",
            Failure.Describe(new TorchError("CUDA out of memory.\nException raised from malloc at c10/cuda.cpp")));

    [Fact]
    public void Describe_ATensorThatThereIsNoMemoryFor_SaysWhatToDo()
    {
        // More than any address space holds.
        var error = Assert.ThrowsAny<Exception>(() => TorchSharp.torch.empty(1L << 50));
        Assert.StartsWith(
            "out of memory: use a smaller --size, a smaller model, a shorter --window or fewer --threads", Failure.Describe(error),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Describe_Unexpected_IsOneLineWithPlaceAndHint()
    {
        var error = Assert.Throws<NullReferenceException>(() => ((string)null!).Length.ToString());
        var text = Failure.Describe(error);
        Assert.StartsWith("internal error in StreamDiff.Cli.Tests.Output.OutputTests", text, StringComparison.Ordinal);
        Assert.Contains("NullReferenceException", text, StringComparison.Ordinal);
        Assert.Contains("STREAMDIFF_DEBUG=1", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', text);
    }

    [Fact]
    public void Summary_KnownLength_HasSpeedAndTimeLeft()
    {
        var progress = new RestyleProgress(130, 100, 400, TimeSpan.FromSeconds(5),
            [new StageTime("encode", TimeSpan.FromSeconds(1), 25), new StageTime("decode", TimeSpan.Zero, 0)]);
        Assert.Equal("100/400 frames, 20.0 fps, 0:15 left", RunText.Summary(progress));
        Assert.Equal("encode 40.0 ms", RunText.Stages(progress));
        Assert.Equal(0.25, RunText.Share(progress));
        Assert.Equal("100 frames in 5.0 s, 20.0 fps -> out.mp4", RunText.Finished(["out.mp4"], progress, cancelled: false));
    }

    [Fact]
    public void Summary_NothingKnownYet_DoesNotDivideByZero()
    {
        var progress = new RestyleProgress(0, 0, null, TimeSpan.Zero, []);
        Assert.Equal("0 frames, 0.0 fps", RunText.Summary(progress));
        Assert.Null(RunText.Share(progress));
    }

    [Theory]
    [InlineData(59, "0:59")]
    [InlineData(3601, "1:00:01")]
    [InlineData(100_000, "27:46:40")]
    public void Duration_AnyLength_IsReadable(int seconds, string text) =>
        Assert.Equal(text, RunText.Duration(TimeSpan.FromSeconds(seconds)));

    // TorchSharp throws the runtime's own ExternalException, which analyzers keep everybody else from creating.
    private sealed class TorchError(string message) : ExternalException(message);
}
