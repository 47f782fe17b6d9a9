using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Tests.Support;

/// <summary>A file that comes as the bytes of a live input do.</summary>
internal sealed class FileBytes(string path) : IByteSource
{
    private readonly FileStream _file = File.OpenRead(path);

    public int Read(Span<byte> buffer, TimeSpan patience) => _file.Read(buffer);

    public void Dispose() => _file.Dispose();
}
