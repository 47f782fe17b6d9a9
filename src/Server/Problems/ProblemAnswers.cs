using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Transport.Media;

namespace StreamDiff.Server.Problems;

/// <summary>Turns whatever goes wrong with a request into an answer of one line; never a stack trace.</summary>
internal static class ProblemAnswers
{
    /// <summary>Adds it around all that follows.</summary>
    /// <param name="app">The application.</param>
    /// <param name="say">Told of faults of the program itself.</param>
    public static void Use(WebApplication app, Action<string> say) => app.Use(async (context, next) =>
    {
        RefusedException problem;
        try
        {
            await next(context).ConfigureAwait(false);
            if (context.Response.HasStarted || context.Response.ContentLength > 0
                || Unanswered(context.Response.StatusCode) is not { } text)
                return;
            problem = new RefusedException(context.Response.StatusCode, text);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            problem = Of(e);
            if (problem.Status == StatusCodes.Status500InternalServerError)
                say($"{context.Request.Method} {context.Request.Path}: {problem.Message}");
        }
        await problem.Write(context).ConfigureAwait(false);
    });

    /// <summary>What is said of an exception.</summary>
    public static RefusedException Of(Exception exception) => exception switch
    {
        RefusedException problem => problem,
        BadHttpRequestException { InnerException: JsonException json } => new RefusedException(StatusCodes.Status400BadRequest, Of(json)),
        BadHttpRequestException bad => new RefusedException(bad.StatusCode, Of(bad)),
        JsonException json => new RefusedException(StatusCodes.Status400BadRequest, Of(json)),
        // Told by a host that has no room: not the request's mistake, and no fault of the program.
        Pipeline.Host.AdmissionException refused => new RefusedException(StatusCodes.Status503ServiceUnavailable, refused.Message),
        ControlException or ModelException or MediaException =>
            new RefusedException(StatusCodes.Status422UnprocessableEntity, Failure.Describe(exception)),
        ObjectDisposedException => new RefusedException(StatusCodes.Status503ServiceUnavailable, "the studio is ending"),
        _ => new RefusedException(StatusCodes.Status500InternalServerError, Failure.Describe(exception)),
    };

    private static string Of(BadHttpRequestException bad) => bad.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => "the body is too large",
        StatusCodes.Status415UnsupportedMediaType => "the body must be application/json",
        _ => bad.Message.Contains("was not provided", StringComparison.Ordinal) && bad.Message.Contains("body", StringComparison.Ordinal)
            ? "the request needs a body of JSON"
            : bad.Message.TrimEnd('.'),
    };

    // The serializer names types of the program; its user knows fields.
    private static string Of(JsonException json)
    {
        const string Unknown = "The JSON property '";
        if (json.Message.StartsWith(Unknown, StringComparison.Ordinal))
        {
            var name = json.Message[Unknown.Length..].Split('\'')[0];
            return $"'{name}' is no field of this request";
        }
        if (json.Message.Contains("missing required properties", StringComparison.Ordinal))
            return $"a field is missing: {json.Message[(json.Message.LastIndexOf(':') + 1)..].Trim().TrimEnd('.')}";
        var path = json.Path is null or "$" or "" ? "the body" : json.Path.TrimStart('$', '.');
        return json.Message.Contains("could not be converted", StringComparison.Ordinal)
            ? $"{path} has a value of the wrong kind"
            : json.Message.Contains("Duplicate", StringComparison.OrdinalIgnoreCase) ? $"{path} has a field twice"
            : $"{path} is not valid JSON (line {json.LineNumber + 1 ?? 1})";
    }

    private static string? Unanswered(int status) => status switch
    {
        StatusCodes.Status404NotFound => "there is nothing of that name",
        StatusCodes.Status405MethodNotAllowed => "that cannot be done with it: see /openapi/v1.json",
        StatusCodes.Status415UnsupportedMediaType => "the body must be application/json",
        StatusCodes.Status413PayloadTooLarge => "the body is too large",
        StatusCodes.Status400BadRequest => "the request cannot be understood",
        _ => null,
    };
}
