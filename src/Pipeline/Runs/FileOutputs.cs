using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;

namespace StreamDiff.Pipeline.Runs;

/// <summary>
/// The outputs of one file run, each of which takes every frame once. Where one fails the run ends with its reason; the others have got the
/// same frames and are finished.
/// </summary>
internal sealed class FileOutputs : IFrameSink
{
    private readonly List<IFrameSink> _sinks = [];

    /// <exception cref="MediaException">One of them cannot be opened; then none is left behind.</exception>
    public FileOutputs(OutputOptions options, VideoStreamInfo video, AudioStreamInfo? audio)
    {
        try
        {
            foreach (var output in options.Addresses)
                _sinks.Add(MediaSinks.Open(options.ForFile(output.Text), video, audio));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyList<string> Warnings => [.. _sinks.SelectMany(s => s.Warnings)];

    public void Write(VideoFrame frame) => Each(s => s.Write(frame));

    public void Write(AudioPacket packet) => Each(s => s.Write(packet));

    public void Complete() => Each(s => s.Complete());

    public void Dispose()
    {
        foreach (var sink in _sinks)
            sink.Dispose();
    }

    private void Each(Action<IFrameSink> work)
    {
        MediaException? first = null;
        foreach (var sink in _sinks)
        {
            try
            {
                work(sink);
            }
            catch (MediaException e)
            {
                first ??= e;
            }
        }
        if (first is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
    }
}
