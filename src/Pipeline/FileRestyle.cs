using StreamDiff.Models;

namespace StreamDiff.Pipeline;

/// <summary>Restyles one file.</summary>
public static class FileRestyle
{
    public static RestyleResult Run(RestyleOptions options, IProgress<RestyleProgress> progress, CancellationToken cancellation) =>
        throw new ModelException("restyling is not part of this build");
}
