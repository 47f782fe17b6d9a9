using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using StreamDiff.Client;

namespace StreamDiff.Server.Problems;

/// <summary>A request that is refused: the message says why, in the words of the command line.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="problems">Everything that is wrong; the first is the message.</param>
public sealed class RefusedException(int status, params IReadOnlyList<FieldProblem> problems) : Exception(problems[0].Text)
{
    /// <param name="status">The HTTP status.</param>
    /// <param name="text">What is wrong and what to do about it, in one line.</param>
    public RefusedException(int status, string text)
        : this(status, new FieldProblem(text))
    {
    }

    public int Status => status;

    /// <summary>When to ask again, in whole seconds; null where that says nothing. Told as <c>Retry-After</c>.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>There is nothing of that name.</summary>
    public static RefusedException NotFound(string what) => new(StatusCodes.Status404NotFound, what);

    /// <summary>The answer.</summary>
    public Problem ToProblem() => new()
    {
        Title = ReasonPhrases.GetReasonPhrase(status),
        Status = status,
        Detail = Message,
        Problems = problems.Count > 1 || problems[0].Field is not null ? problems : null,
    };

    /// <summary>Writes it as the answer to a request.</summary>
    public Task Write(HttpContext context)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/problem+json";
        if (RetryAfter is { TotalSeconds: var seconds })
            context.Response.Headers.RetryAfter = seconds.ToString("0", CultureInfo.InvariantCulture);
        return context.Response.WriteAsync(JsonSerializer.Serialize(ToProblem(), StudioJson.Strict), context.RequestAborted);
    }
}
