using System.Net;

namespace StreamDiff.Client;

/// <summary>A studio refused a request; the message says why in one line.</summary>
public sealed class StudioException(HttpStatusCode status, Problem? problem)
    : Exception(problem?.Detail ?? $"the studio answered {(int)status}")
{
    public HttpStatusCode Status => status;

    /// <summary>What the studio said; null where it was none of its answers.</summary>
    public Problem? Problem => problem;
}
